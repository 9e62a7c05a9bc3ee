def check_counter(count_visit):
    def visit(client):
        return count_visit(client, "home", 60)

    def visits_far_apart(client):
        counts = []
        for _ in range(3):
            counts.append(visit(client))
            time.sleep(40)
        return counts

    def window_has_ended(end):
        assert end.results == [[1, 2, 1]]

    def nothing_is_immortal(end):
        assert all(end.server.ttl(key) >= 0 for key in end.server.scan_iter())

    def both_count(end):
        assert sorted(end.results) == [1, 2]

    explore(lambda _: None, [visit, visit], both_count)
    explore(lambda _: None, [visit], nothing_is_immortal)
    explore(lambda _: None, [visits_far_apart], window_has_ended)
    explore(visit, [visit, lambda _: time.sleep(61)], nothing_is_immortal)
