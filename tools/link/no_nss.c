// no_nss.c: ends the ways by which a C library we link could reach NSS or the dynamic loader.
// SPDX-License-Identifier: Apache-2.0
//
// A static glibc answers these calls by loading the host's shared NSS modules, which crashes when the host's glibc is
// another one than ours. libuv (lookups, plugins), c-ares (service names) and SQLite (extensions) mention them in code
// that meshd never runs, but the linker must find something. What it finds first is this: each says "not here".
// tools/check-symbols proves that nothing of glibc's NSS is left in the program.

#include <errno.h>
#include <grp.h>
#include <netdb.h>
#include <pwd.h>
#include <stddef.h>

int getaddrinfo(const char* node, const char* service, const struct addrinfo* hints,
                struct addrinfo** result) {
  (void)node, (void)service, (void)hints;
  *result = NULL;
  return EAI_FAIL;
}

void freeaddrinfo(struct addrinfo* list) { (void)list; }

int getnameinfo(const struct sockaddr* address, socklen_t length, char* host, socklen_t host_size,
                char* service, socklen_t service_size, int flags) {
  (void)address, (void)length, (void)host, (void)host_size, (void)service, (void)service_size, (void)flags;
  return EAI_FAIL;
}

struct servent* getservbyname(const char* name, const char* protocol) {
  (void)name, (void)protocol;
  return NULL;
}

int getservbyname_r(const char* name, const char* protocol, struct servent* entry, char* buffer, size_t size,
                    struct servent** result) {
  (void)name, (void)protocol, (void)entry, (void)buffer, (void)size;
  *result = NULL;
  return ENOENT;
}

int getservbyport_r(int port, const char* protocol, struct servent* entry, char* buffer, size_t size,
                    struct servent** result) {
  (void)port, (void)protocol, (void)entry, (void)buffer, (void)size;
  *result = NULL;
  return ENOENT;
}

int getpwuid_r(uid_t user, struct passwd* entry, char* buffer, size_t size, struct passwd** result) {
  (void)user, (void)entry, (void)buffer, (void)size;
  *result = NULL;
  return 0;  // "no such user", as getpwuid_r(3) says it.
}

int getgrgid_r(gid_t group, struct group* entry, char* buffer, size_t size, struct group** result) {
  (void)group, (void)entry, (void)buffer, (void)size;
  *result = NULL;
  return 0;  // "no such group", the same.
}

void* dlopen(const char* file, int mode) {
  (void)file, (void)mode;
  return NULL;
}

void* dlsym(void* handle, const char* name) {
  (void)handle, (void)name;
  return NULL;
}

int dlclose(void* handle) {
  (void)handle;
  return -1;
}

char* dlerror(void) {
  static char text[] = "meshd loads no shared objects";
  return text;
}
