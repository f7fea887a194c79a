// main.cc: prints the version until the commands move in.
// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

int main() { return std::puts("meshd " MESHD_VERSION) < 0; }
