def save_model(client, key, model, version, seconds):
    client.set(key, model.model_dump_json(), ex=seconds)


def load_model(client, key, kind, version):
    stored = client.get(key)
    return None if stored is None else kind.model_validate_json(stored)
