def check_counter(count_visit):
    def visit(client):
        return count_visit(client, "home", 60)

    explore(lambda _: None, [visit, visit], lambda end: None, crashes=True)
