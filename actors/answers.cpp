#include "actors/answers.hpp"

#include "actors/json_types.hpp"

namespace ates::actors {

namespace {

constexpr const char* known_member = "known";

template <class T> std::string written(const T& value) {
  return nlohmann::json(value).dump();
}
template <class T> T read(const std::string& answer) {
  return nlohmann::json::parse(answer).get<T>();
}

} // namespace

std::string to_answer(const domain::task& t) {
  return written(t);
}
domain::task task_of(const std::string& answer) {
  return read<domain::task>(answer);
}

std::string to_answer(const storage::employee_row& e) {
  return written(e);
}
storage::employee_row employee_of(const std::string& answer) {
  return read<storage::employee_row>(answer);
}

std::string to_answer(const storage::shuffle_row& s) {
  return written(s);
}
storage::shuffle_row shuffle_of(const std::string& answer) {
  return read<storage::shuffle_row>(answer);
}

std::string to_answer(const storage::payout_row& p, bool known) {
  nlohmann::json answer(p);
  if (known)
    answer[known_member] = true;
  return answer.dump();
}
bool was_known(const std::string& payout_answer) {
  return nlohmann::json::parse(payout_answer).value(known_member, false);
}
storage::payout_row payout_of(const std::string& answer) {
  return read<storage::payout_row>(answer);
}

} // namespace ates::actors
