STORE = """
if (redis.call('GET', KEYS[2]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'EX', 3600) return 1
"""


def get_product(client, table, product_id):
    key = f"product:{product_id}"
    cached, version = client.mget(key, f"{key}:version")
    if cached is not None:
        return cached
    text = table.read(product_id)
    if text is not None:
        client.eval(STORE, 2, key, f"{key}:version", version or "", text)
    return text


def change_product(client, table, product_id, text):
    table.write(product_id, text)
    pipe = client.pipeline(transaction=True)
    pipe.incr(f"product:{product_id}:version")
    pipe.delete(f"product:{product_id}")
    pipe.execute()
