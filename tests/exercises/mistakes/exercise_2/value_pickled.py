import base64
import pickle


def get_or_load(client, key, load, seconds):
    stored = client.get(key)
    if stored is not None:
        return pickle.loads(base64.b64decode(stored))
    value = load()
    text = base64.b64encode(pickle.dumps(value)).decode()
    client.set(key, text, px=int(seconds * 1000 * random.uniform(0.9, 1.0)))
    return value
