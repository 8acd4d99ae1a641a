"""Business days in time zones, as test/system tries them, on three nodes that are all down between the moments."""

import unittest

from cluster_support import ThroughTheEdge

import zones_test  # test/system, where cluster_support.py has pointed to


class Zones(ThroughTheEdge, zones_test.Zones, only=[
        "test_berlin_over_the_change_to_winter_and_down_over_two_midnights",
        "test_kathmandu_where_the_day_ends_in_the_evening_and_down_over_two_ends"]):
    pass


if __name__ == "__main__":
    unittest.main()
