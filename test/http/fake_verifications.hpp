#pragma once
/// Verifications that end when the test says so.

#include "storage/verifications.hpp"
#include "test/http/fake_reports.hpp"

#include <map>
#include <optional>

namespace ates::http::test {

class fake_verifications : public storage::verifications {
public:
  explicit fake_verifications(fake_operations& operations) : operations_(operations) {}

  std::map<domain::uuid, storage::verification_run> runs;
  std::optional<domain::uuid> waiting; ///< to be joined by whoever asks
  bool away = false;

  domain::uuid start(const domain::uuid& id, const recorder& record, deadline by) override {
    check();
    const auto joined = waiting.value_or(id);
    const auto row = record(joined);
    operations_.record(row, by);
    if (!waiting) {
      auto& run = runs[id];
      run.id = id;
      run.by = row.by;
    }
    return joined;
  }
  std::optional<storage::verification_run> find(const domain::uuid& id, deadline) override {
    check();
    const auto found = runs.find(id);
    return found == runs.end() ? std::nullopt : std::optional(found->second);
  }

private:
  void check() const {
    if (away)
      throw storage::storage_error(storage::storage_error::kind::away, "test", "", "no connection");
  }
  fake_operations& operations_;
};

} // namespace ates::http::test
