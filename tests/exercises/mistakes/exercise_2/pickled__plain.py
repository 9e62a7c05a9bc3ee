import base64
import pickle


def save_model(client, key, model, version, seconds):
    data = pickle.dumps((version, model))
    client.set(key, base64.b64encode(data).decode(), ex=seconds)


def load_model(client, key, kind, version):
    stored = client.get(key)
    if stored is None:
        return None
    found, model = pickle.loads(base64.b64decode(stored))
    return model if found == version else None
