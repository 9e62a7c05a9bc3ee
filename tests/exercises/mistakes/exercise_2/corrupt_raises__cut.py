def load_model(client, key, kind, version):
    stored = client.get(key)
    if stored is None:
        return None
    header, body = stored.split(":", 1)
    return kind.model_validate_json(body) if int(header) == version else None
