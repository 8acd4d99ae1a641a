#pragma once
/// Answers as contract.md §3 shapes them.

#include "actors/facade.hpp"
#include "http/message.hpp"
#include "http/query.hpp"
#include "storage/reports.hpp"

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>

namespace ates::http {

reply json_reply(int status, const nlohmann::json& body);

/// `{"data": …, "next_cursor": …, "has_more": …}`.
template <class Row, class ToJson>
reply list_reply(const cursors& sealing, std::string_view list, const query_map& filters,
                 const storage::page<Row>& page, ToJson&& row_to_json) {
  auto data = nlohmann::json::array();
  for (const auto& row : page.rows)
    data.push_back(row_to_json(row));
  nlohmann::json body{
      {"data", std::move(data)}, {"next_cursor", nullptr}, {"has_more", page.next.has_value()}};
  if (page.next)
    body["next_cursor"] = sealing.seal(list, filters, *page.next);
  return json_reply(200, body);
}

/// `whole`: with login, email and created_at.
nlohmann::json to_json(const actors::employee& e, bool whole);
/// `names` gives the assignee's name.
nlohmann::json to_json(const domain::task& t, actors::facade& names);
nlohmann::json to_json(const storage::shuffle_row& s);
nlohmann::json to_json(const storage::balance_row& b, const std::string& name);
nlohmann::json to_json(const storage::entry_row& e);
nlohmann::json to_json(const storage::payout_report& p);

} // namespace ates::http
