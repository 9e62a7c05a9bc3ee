import json


def set_field(client, user_id, field, value):
    profile = get_profile(client, user_id)
    profile[field] = value
    client.set(f"profile:{user_id}", json.dumps(profile))


def get_profile(client, user_id):
    return json.loads(client.get(f"profile:{user_id}") or "{}")
