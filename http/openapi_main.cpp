/// openapi_document DESCRIPTIONS FILE: writes the document that a node serves as /openapi.json, for the
/// linter and the tests. Part of the build: a route without a description, or a description without a route,
/// ends it.

#include "http/openapi.hpp"

#include <nlohmann/json.hpp>

#include <cstdio>
#include <exception>
#include <fstream>

int main(int argc, char** argv) {
  if (argc != 3)
    return 2;
  try {
    const auto document = nlohmann::ordered_json::parse(ates::http::openapi_document(argv[1]));
    std::ofstream file(argv[2], std::ios::binary);
    file << document.dump(2) << '\n'; // a linter's finding names a line
    file.close();
    if (file)
      return 0;
    std::fprintf(stderr, "%s cannot be written\n", argv[2]);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
  }
  return 1;
}
