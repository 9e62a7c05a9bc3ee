STORE_IF_NEWER = """
local there = redis.call('GET', KEYS[1])
if there and string.match(there, '^%d+') >= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1] .. ':' .. ARGV[2], 'EX', ARGV[3])
return 1
"""


def save_price(client, prices, product, cents, seconds):
    version = prices.write(product, cents)
    client.eval(STORE_IF_NEWER, 1, f"price:{product}", version, cents, seconds)
