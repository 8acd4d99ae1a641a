#pragma once
/// The OpenAPI 3.1 document: what the policy table says of each route (path, method, rights, query, body,
/// limits) joined with the words and schemas of config/openapi. config/openapi/README.md says how to describe
/// a route.

#include "http/policy.hpp"

#include <filesystem>
#include <span>
#include <string>

namespace ates::http {

/// The document as JSON. Throws std::runtime_error, which names the route or the file, unless every route has
/// exactly one description and each description fits its route.
std::string openapi_document(const std::filesystem::path& descriptions,
                             std::span<const policy> routes = policies());

} // namespace ates::http
