// SPDX-License-Identifier: Apache-2.0
// schema.h: the tables, and the steps that bring an older database up to them.
#pragma once
#include <span>

#include "store/database.h"

namespace meshd::store {

// Step i takes a database from version i to i+1. Steps that were released are never edited.
std::span<const char* const> schema_steps();

// Brings `db` to the newest version, all steps in one transaction; an older database with data in it is copied
// first to PATH.schema<N>.bak. Errors: unsupported_version (made by a newer meshd), and those of the
// disk; on error the database is as it was.
Outcome<> migrate(Database& db, std::span<const char* const> steps);

}  // namespace meshd::store
