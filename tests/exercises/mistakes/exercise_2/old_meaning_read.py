def save_model(client, key, model, version, seconds):
    client.set(key, model.model_dump_json(), ex=seconds)


def load_model(client, key, kind, version):
    try:
        return kind.model_validate_json(client.get(key) or "")
    except ValidationError:
        return None
