GET = USED_GET.replace("redis.call('INCR', KEYS[3])", "ARGV[2]")
SET = LRU_SET.replace("redis.call('INCR', KEYS[3])", "ARGV[4]")


def cached_page(client, url, render):
    keys = Keys("pages", "pages").four[:2]
    html = client.eval(GET, 2, *keys, url, time.time())
    if html is None:
        html = render(url)
        client.eval(SET, 2, *keys, url, html, PAGES, time.time())
    return html
