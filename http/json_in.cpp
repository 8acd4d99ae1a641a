#include "http/json_in.hpp"

#include "domain/text.hpp"
#include "http/limits.hpp"

#include <algorithm>
#include <cstdint>

namespace ates::http {

namespace {

/// Builds the document while looking at what nlohmann's own builder lets pass: depth, duplicate keys, big
/// integers that would silently become doubles.
class guarded_builder : public json::json_sax_t {
public:
  json result;
  std::string fault; ///< a sentence, when a handler said no

  bool null() override { return put(nullptr); }
  bool boolean(bool value) override { return put(value); }
  bool number_integer(number_integer_t value) override { return put(value); }
  bool number_unsigned(number_unsigned_t value) override {
    if (value > static_cast<std::uint64_t>(INT64_MAX))
      return refuse("A number is outside 64 bits.");
    return put(static_cast<std::int64_t>(value));
  }
  bool number_float(number_float_t value, const string_t& text) override {
    if (text.find_first_of(".eE") == string_t::npos)
      return refuse("A number is outside 64 bits.");
    return put(value);
  }
  bool string(string_t& value) override { return put(std::move(value)); }
  bool binary(binary_t&) override { return refuse("The body is not JSON."); }
  bool start_object(std::size_t) override { return open(json::object()); }
  bool start_array(std::size_t) override { return open(json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& name) override {
    if (open_.back()->contains(name))
      return refuse("An object has the same key twice.");
    member_ = &(*open_.back())[name];
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const json::exception&) override {
    return refuse("The body is not JSON: error at byte " + std::to_string(position) + ".");
  }

private:
  bool refuse(std::string why) {
    fault = std::move(why);
    return false;
  }
  json* place(json&& value) {
    if (open_.empty())
      return &(result = std::move(value));
    if (open_.back()->is_array())
      return &open_.back()->emplace_back(std::move(value));
    return &(*member_ = std::move(value));
  }
  bool put(json&& value) {
    place(std::move(value));
    return true;
  }
  bool open(json&& value) {
    if (open_.size() >= json_depth_max)
      return refuse("The nesting is deeper than 32.");
    open_.push_back(place(std::move(value)));
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  std::vector<json*> open_; ///< stays valid: only the innermost one grows
  json* member_ = nullptr;
};

} // namespace

json parse_json(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF"))
    throw problem(code::bad_request, "The body begins with a byte order mark.");
  if (!domain::is_utf8(text))
    throw problem(code::bad_request, "The body is not UTF-8.");
  // nlohmann takes it for the end of the input and ignores what follows.
  if (text.find('\0') != std::string_view::npos)
    throw problem(code::bad_request, "The body is not JSON: it contains a NUL.");
  guarded_builder builder;
  if (!json::sax_parse(text.begin(), text.end(), &builder))
    throw problem(code::bad_request, builder.fault);
  return std::move(builder.result);
}

void field_faults::check() const {
  if (!faults_.empty())
    throw problem(code::validation_failed, {}, faults_);
}

object_reader::object_reader(const json& value, std::string pointer,
                             std::initializer_list<std::string_view> known, field_faults& faults)
    : value_(value), pointer_(std::move(pointer)), faults_(faults) {
  if (!value_.is_object())
    throw problem(code::bad_request, "A JSON object is expected.");
  for (const auto& [name, member] : value_.items())
    if (std::find(known.begin(), known.end(), name) == known.end())
      throw problem(code::bad_request, "The object has a field that is not known here.");
}

std::optional<std::string> object_reader::text(std::string_view field) {
  const auto found = value_.find(field);
  if (found == value_.end() || found->is_null())
    return std::nullopt;
  if (!found->is_string())
    throw problem(code::bad_request, "The field " + std::string(field) + " must be a string.");
  return found->get<std::string>();
}

std::string object_reader::required_text(std::string_view field) {
  const auto found = value_.find(field);
  if (found == value_.end()) {
    fault(field, "is required");
    return {};
  }
  if (!found->is_string())
    throw problem(code::bad_request, "The field " + std::string(field) + " must be a string.");
  return found->get<std::string>();
}

const json* object_reader::required_array(std::string_view field) {
  const auto found = value_.find(field);
  if (found == value_.end()) {
    fault(field, "is required");
    return nullptr;
  }
  if (!found->is_array())
    throw problem(code::bad_request, "The field " + std::string(field) + " must be an array.");
  return &*found;
}

std::optional<bool> object_reader::boolean(std::string_view field) {
  const auto found = value_.find(field);
  if (found == value_.end() || found->is_null())
    return std::nullopt;
  if (!found->is_boolean())
    throw problem(code::bad_request, "The field " + std::string(field) + " must be true or false.");
  return found->get<bool>();
}

void object_reader::fault(std::string_view field, std::string detail) {
  faults_.add(pointer_ + "/" + std::string(field), std::move(detail));
}

} // namespace ates::http
