#pragma once
/// The record of operations (ops_audit), as statements write it.

#include "storage/operations.hpp"
#include "storage/report_query.hpp"

#include <string_view>

namespace ates::storage {

/// Appends "insert into ops_audit … select <the row>"; a row that is there already stays as it is. `from`:
/// " from t" writes it only if t has a row.
inline void insert_audit(report_query& query, const audit_row& row, std::string_view from) {
  query << "insert into ops_audit (id, by, action, target, reason, dry_run, result) select "
        << query.bind(domain::to_string(row.id)) << "::uuid, " << query.bind(domain::to_string(row.by))
        << "::uuid, " << query.bind(row.action) << ", " << query.bind(row.target) << ", "
        << query.bind(row.reason) << ", " << (row.dry_run ? "true" : "false") << ", "
        << query.bind(row.result) << "::json" << from << " on conflict (id) do nothing";
}

} // namespace ates::storage
