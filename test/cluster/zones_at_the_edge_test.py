"""Business days in time zones, as test/system tries them, on three nodes that are all down between the moments."""

import datetime
import time
import unittest

from cluster_support import ThroughTheEdge

import zones_test  # test/system, where cluster_support.py has pointed to


class Zones(ThroughTheEdge, zones_test.Zones, only=[
        "test_berlin_over_the_change_to_winter_and_down_over_two_midnights",
        "test_kathmandu_where_the_day_ends_in_the_evening_and_down_over_two_ends"]):
    pass


class WhilePeopleWork(ThroughTheEdge, zones_test.Zones, only=["test_a_day_of_25_hours_that_ends_while_people_work"]):
    def start_at(self, moment, zone, ends_at):
        """How long a start takes is the machine's business: the first one, an hour earlier, tells how long before the end
        of the day the next one, which takes less, has to begin."""
        began = time.monotonic()
        super().start_at("2026-10-25T23:00:00+01:00", zone, ends_at)
        took_s = time.monotonic() - began
        self.work()
        self.check_books()
        self.go_to(str(zones_test.instant("2026-10-26T00:00:00+01:00") - datetime.timedelta(seconds=took_s)))


class AboutTheChange(ThroughTheEdge, zones_test.Zones, only=[
        "test_berlin_over_the_change_to_summer_and_down_over_two_midnights",
        "test_berlin_where_the_end_of_the_day_is_skipped",
        "test_berlin_where_the_end_of_the_day_comes_twice"]):
    """Each moment is a start of the cluster: only those with which a day begins or ends that the change makes unlike
    others."""

    MOMENTS = {"test_berlin_over_the_change_to_summer_and_down_over_two_midnights": slice(1, 5),
               "test_berlin_where_the_end_of_the_day_is_skipped": slice(1, 4),
               "test_berlin_where_the_end_of_the_day_comes_twice": slice(0, 3)}

    def live(self, zone, ends_at, moments):
        super().live(zone, ends_at, moments[self.MOMENTS[self._testMethodName]])


if __name__ == "__main__":
    unittest.main()
