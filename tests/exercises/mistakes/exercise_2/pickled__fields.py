import base64
import pickle


def save_model(client, key, model, version, seconds):
    data = pickle.dumps({"version": version, "fields": model.model_dump()})
    client.set(key, base64.b64encode(data).decode(), ex=seconds)


def load_model(client, key, kind, version):
    stored = client.get(key)
    if stored is None:
        return None
    kept = pickle.loads(base64.b64decode(stored))
    return kind(**kept["fields"]) if kept["version"] == version else None
