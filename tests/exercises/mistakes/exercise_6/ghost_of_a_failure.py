GET = """
redis.call('ZADD', KEYS[2], redis.call('INCR', KEYS[3]), ARGV[1])
return redis.call('HGET', KEYS[1], ARGV[1])
"""


def cached_page(client, url, render):
    keys = Keys("pages", "pages").three
    html = client.eval(GET, 3, *keys, url)
    if html is None:
        html = render(url)
        client.eval(LRU_SET, 3, *keys, url, html, PAGES)
    return html
