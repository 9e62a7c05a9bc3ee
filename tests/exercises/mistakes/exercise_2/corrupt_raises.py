def load_model(client, key, kind, version):
    stored = client.get(key)
    if stored is None:
        return None
    header, _, body = stored.partition(":")
    return kind.model_validate_json(body) if header == str(version) else None
