#pragma once
/// Compares answers with the OpenAPI document. Bodies of good answers are compared by the system tests, which
/// have real ones.

#include "test/http/raw_client.hpp"

#include <string>
#include <string_view>

namespace ates::http::test {

/// "" if status, media type, headers and, of a problem, the code are documented for this operation, or the
/// path is not documented; else a sentence.
std::string undocumented(std::string_view method, std::string_view target, const raw_answer& answer);

} // namespace ates::http::test
