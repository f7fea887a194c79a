// SPDX-License-Identifier: Apache-2.0
#include "store/page_sums.h"

#include <sqlite3.h>
#include <zlib.h>

#include <cstdint>
#include <cstring>
#include <memory>

namespace meshd::store {
namespace {

constexpr int kPageMin = 512, kPageMax = 65'536;
// Offsets of https://sqlite.org/fileformat2.html#the_database_header
constexpr int kHeaderBytes = 100, kReservedAt = 20;
constexpr char kMagic[] = "SQLite format 3";

sqlite3_vfs* below() { return sqlite3_vfs_find("unix"); }

// What SQLite holds of an open database; the file below lies right behind it.
struct Summed {
  sqlite3_file base;
  bool sums;  // the header says that there is room
  sqlite3_file* file() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};
Summed& summed(sqlite3_file* f) { return *reinterpret_cast<Summed*>(f); }
sqlite3_file* lower(sqlite3_file* f) { return summed(f).file(); }

bool is_page(int size, sqlite3_int64 offset) {
  return size >= kPageMin && size <= kPageMax && (size & (size - 1)) == 0 && offset % size == 0;
}

void look_at_header(Summed& f, const unsigned char* bytes, int size, sqlite3_int64 offset) {
  if (offset == 0 && size >= kHeaderBytes && memcmp(bytes, kMagic, sizeof kMagic) == 0)
    f.sums = bytes[kReservedAt] == kPageSumBytes;
}

// The number of the page, then the CRC of all before.
void sum_of(const unsigned char* page, int size, sqlite3_int64 offset, unsigned char out[kPageSumBytes]) {
  auto number = static_cast<uint32_t>(offset / size) + 1;
  memcpy(out, &number, sizeof number);
  uLong crc = crc32(0, page, static_cast<uInt>(size - kPageSumBytes));
  auto sum = static_cast<uint32_t>(crc32(crc, out, sizeof number));
  memcpy(out + sizeof number, &sum, sizeof sum);
}

int read(sqlite3_file* f, void* into, int size, sqlite3_int64 offset) {
  int code = lower(f)->pMethods->xRead(lower(f), into, size, offset);
  if (code != SQLITE_OK) return code;
  auto* bytes = static_cast<const unsigned char*>(into);
  look_at_header(summed(f), bytes, size, offset);
  if (!summed(f).sums || !is_page(size, offset)) return SQLITE_OK;
  unsigned char sum[kPageSumBytes];
  sum_of(bytes, size, offset, sum);
  return memcmp(sum, bytes + size - kPageSumBytes, sizeof sum) == 0 ? SQLITE_OK : SQLITE_IOERR_DATA;
}

int write(sqlite3_file* f, const void* from, int size, sqlite3_int64 offset) {
  auto* bytes = static_cast<const unsigned char*>(from);
  look_at_header(summed(f), bytes, size, offset);
  if (!summed(f).sums || !is_page(size, offset))
    return lower(f)->pMethods->xWrite(lower(f), from, size, offset);
  thread_local std::unique_ptr<unsigned char[]> page(new unsigned char[kPageMax]);
  memcpy(page.get(), bytes, static_cast<size_t>(size));
  sum_of(page.get(), size, offset, page.get() + size - kPageSumBytes);
  return lower(f)->pMethods->xWrite(lower(f), page.get(), size, offset);
}

int close(sqlite3_file* f) { return lower(f)->pMethods->xClose(lower(f)); }
int truncate(sqlite3_file* f, sqlite3_int64 size) { return lower(f)->pMethods->xTruncate(lower(f), size); }
int sync(sqlite3_file* f, int flags) { return lower(f)->pMethods->xSync(lower(f), flags); }
int file_size(sqlite3_file* f, sqlite3_int64* size) { return lower(f)->pMethods->xFileSize(lower(f), size); }
int lock(sqlite3_file* f, int kind) { return lower(f)->pMethods->xLock(lower(f), kind); }
int unlock(sqlite3_file* f, int kind) { return lower(f)->pMethods->xUnlock(lower(f), kind); }
int reserved(sqlite3_file* f, int* held) { return lower(f)->pMethods->xCheckReservedLock(lower(f), held); }
int control(sqlite3_file* f, int op, void* arg) {
  return lower(f)->pMethods->xFileControl(lower(f), op, arg);
}
int sector_size(sqlite3_file* f) { return lower(f)->pMethods->xSectorSize(lower(f)); }
int characteristics(sqlite3_file* f) { return lower(f)->pMethods->xDeviceCharacteristics(lower(f)); }
int shm_map(sqlite3_file* f, int page, int size, int extend, void volatile** at) {
  return lower(f)->pMethods->xShmMap(lower(f), page, size, extend, at);
}
int shm_lock(sqlite3_file* f, int offset, int n, int flags) {
  return lower(f)->pMethods->xShmLock(lower(f), offset, n, flags);
}
void shm_barrier(sqlite3_file* f) { lower(f)->pMethods->xShmBarrier(lower(f)); }
int shm_unmap(sqlite3_file* f, int remove) { return lower(f)->pMethods->xShmUnmap(lower(f), remove); }
// Nothing is mapped: what is read passes through read().
int fetch(sqlite3_file*, sqlite3_int64, int, void** at) {
  *at = nullptr;
  return SQLITE_OK;
}
int unfetch(sqlite3_file*, sqlite3_int64, void*) { return SQLITE_OK; }

constexpr sqlite3_io_methods kMethods{
    3,         close,    read,    write,       truncate,        sync,    file_size, lock,
    unlock,    reserved, control, sector_size, characteristics, shm_map, shm_lock,  shm_barrier,
    shm_unmap, fetch,    unfetch};

int open(sqlite3_vfs*, const char* name, sqlite3_file* f, int flags, int* got) {
  sqlite3_vfs* vfs = below();
  if ((flags & SQLITE_OPEN_MAIN_DB) == 0) return vfs->xOpen(vfs, name, f, flags, got);
  f->pMethods = nullptr;
  summed(f).sums = false;
  int code = vfs->xOpen(vfs, name, lower(f), flags, got);
  if (code == SQLITE_OK) f->pMethods = &kMethods;
  return code;
}

}  // namespace

const char* page_sums() {
  constexpr const char* kName = "meshd-page-sums";
  static const bool registered = [] {
    sqlite3_initialize();
    static sqlite3_vfs vfs = *below();
    vfs.szOsFile += static_cast<int>(sizeof(Summed));
    vfs.pNext = nullptr;
    vfs.zName = kName;
    vfs.xOpen = open;
    return sqlite3_vfs_register(&vfs, 0) == SQLITE_OK;
  }();
  return registered ? kName : nullptr;
}

int make_room_for_sums(sqlite3* db) {
  int bytes = -1;  // asks
  int code = sqlite3_file_control(db, "main", SQLITE_FCNTL_RESERVE_BYTES, &bytes);
  if (code != SQLITE_OK || bytes == kPageSumBytes) return code;
  bytes = kPageSumBytes;
  code = sqlite3_file_control(db, "main", SQLITE_FCNTL_RESERVE_BYTES, &bytes);
  if (code != SQLITE_OK) return code;
  return sqlite3_exec(db, "PRAGMA journal_mode=DELETE; VACUUM", nullptr, nullptr, nullptr);
}

}  // namespace meshd::store
