#pragma once
/// A visitor made of lambdas: `std::visit(overload{[](const a&) {…}, [](const b&) {…}}, value)`.

namespace ates::domain {

template <class... Handlers> struct overload : Handlers... { using Handlers::operator()...; };

} // namespace ates::domain
