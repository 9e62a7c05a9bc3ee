SIZES = """
local found, cursor = {}, '0'
repeat
  local page = redis.call('SCAN', cursor, 'COUNT', 500)
  cursor = page[1]
  for _, key in ipairs(page[2]) do
    local size = redis.call('MEMORY', 'USAGE', key)
    if size then found[#found + 1] = key; found[#found + 1] = size end
  end
until cursor == '0'
return found
"""


def big_keys(client, most):
    found = client.eval(SIZES, 0)
    sizes = dict(zip(found[::2], found[1::2]))
    return heapq.nlargest(most, sizes.items(), key=lambda item: item[1])
