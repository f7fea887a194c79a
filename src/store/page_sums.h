// SPDX-License-Identifier: Apache-2.0
// page_sums.h: a sum on every page of a database, written with it and checked at each read.
//
// SQLite notices a page that makes no sense, not one whose text has changed. A layer between it and the files
// (https://sqlite.org/vfs.html#shims) keeps eight bytes at the end of each page: the page's number and the CRC-32 of both.
// That finds every flipped byte and every page in another's place; against somebody who means it stand the hash chains.
// The write-ahead log has sums of its own.
#pragma once

struct sqlite3;

namespace meshd::store {

inline constexpr int kPageSumBytes = 8;

// The name to open databases with; registers the layer when it is first asked for.
const char* page_sums();

// Makes room for sums in a database that is still empty, or, by rewriting it, in one that has none. Gives an SQLite result
// code. Not in a transaction, and before the database is in WAL mode.
int make_room_for_sums(sqlite3* db);

}  // namespace meshd::store
