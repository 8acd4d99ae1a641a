#pragma once
/// What an operator has done to the cluster over HTTP: done once per Idempotency-Key, and recorded whatever
/// becomes of it.

#include "http/call.hpp"

#include <string>

namespace ates::http {

class operation {
public:
  /// `target` is what people call it: it may be anything that a client has sent.
  operation(const call& c, std::string action, const std::string& target);

  /// Answers with what `decide` returns: 202, of a dry run 200. A key seen before gets the answer of then. A
  /// refusal (a problem that `decide` throws, unless it is bad_request) is recorded and thrown on.
  template <class Decide> reply run(Decide decide) {
    const keyed request(call_);
    if (auto kept = replay(request.key()))
      return *std::move(kept);
    row_.id = request.key() ? request.key()->scope : random_id();
    hash_ = request.key() ? request.key()->request_hash : "";
    try {
      return finish(decide());
    } catch (const problem& p) {
      refused(p);
      throw;
    }
  }

  /// Reads {reason, dry_run?} and, if it is named, one more text, which it returns. Throws bad_request,
  /// validation_failed.
  std::string read(std::string_view also = {});
  /// While it runs: the key's id, or a new one.
  [[nodiscard]] const domain::uuid& id() const noexcept { return row_.id; }
  [[nodiscard]] bool dry_run() const noexcept { return row_.dry_run; }
  /// The record of an operation that answers `answer`.
  [[nodiscard]] storage::audit_row row(const json& answer) const;
  /// To be called instead of what would have recorded it.
  void only_record(const json& answer) const;

private:
  std::optional<reply> replay(const std::optional<actors::idempotency>& key) const;
  [[nodiscard]] reply finish(const json& answer) const;
  void refused(const problem& p) const;
  static domain::uuid random_id();

  const call& call_;
  storage::audit_row row_;
  std::string hash_;
};

/// As the list shows it: without what only replaying needs.
json shown_result(const storage::audit_row& row);

} // namespace ates::http
