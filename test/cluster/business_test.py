"""The business as test/system tries it on one node, tried through the edge of three: the same tests, another site."""

import unittest

import cluster_support
import events_test
import gateway_test
import letters_test
import month_test
import people_test
import tasks_test
from cluster_support import ThroughTheEdge


class Gateway(gateway_test.IdempotencyKeys, gateway_test.Tokens, gateway_test.Rights, gateway_test.Refusals):
    Site = cluster_support.Cluster


class People(ThroughTheEdge, people_test.People, only=[
        "test_who_is_deactivated_in_the_middle_of_a_shuffle_loses_the_open_tasks_and_the_tokens",
        "test_a_new_role_and_a_new_password_hold_at_once"]):
    pass


class Creating(ThroughTheEdge, tasks_test.Creating, only=["test_a_known_external_ref_is_the_task_that_there_is"]):
    pass


class Completing(ThroughTheEdge, tasks_test.Completing, only=[
        "test_12_employees_racing_two_shuffles_are_paid_or_lose_the_task_never_both"]):
    pass


class Month(ThroughTheEdge, month_test.Month, only=["test_every_figure_is_what_the_ledger_says"]):
    working_days = 3  # each is a start of the cluster


class Letters(ThroughTheEdge, letters_test.Letters, only=["test_letters_are_files_by_default"]):
    pass


class Events(ThroughTheEdge, events_test.Events, only=[
        "test_a_day_of_business_is_in_the_log_as_the_contract_says",
        "test_a_stream_cut_fifty_times_gives_every_event_once_and_in_order"]):
    pass


if __name__ == "__main__":
    unittest.main()
