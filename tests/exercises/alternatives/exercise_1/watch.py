import json

from valkey import WatchError


def set_field(client, user_id, field, value):
    with client.pipeline() as pipe:
        while True:
            try:
                pipe.watch(f"p{user_id}")
                profile = json.loads(pipe.get(f"p{user_id}") or "{}") | {field: value}
                pipe.multi()
                pipe.set(f"p{user_id}", json.dumps(profile))
                pipe.execute()
                return
            except WatchError:
                continue


def get_profile(client, user_id):
    return json.loads(client.get(f"p{user_id}") or "{}")


def count_visit(client, page, seconds):
    def visit(pipe):
        count = pipe.get(f"visits:{page}")
        pipe.multi()
        if count is None:
            pipe.set(f"visits:{page}", 1, ex=seconds)
        else:
            pipe.set(f"visits:{page}", int(count) + 1, keepttl=True)
        return int(count or 0) + 1

    return client.transaction(visit, f"visits:{page}", value_from_callable=True)
