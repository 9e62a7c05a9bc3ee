def check_counter(count_visit):
    def visit(client):
        return count_visit(client, "home", 60)

    def nothing_is_immortal(end):
        assert all(end.server.ttl(key) >= 0 for key in end.server.scan_iter())

    def both_count(end):
        assert sorted(end.results) == [1, 2]

    explore(lambda _: None, [visit, visit], both_count)
    explore(lambda _: None, [visit], nothing_is_immortal, crashes=True)
