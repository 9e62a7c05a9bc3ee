SET = LRU_SET.replace("HLEN', KEYS[1])", "HLEN', KEYS[1]) + 1")


def cached_page(client, url, render):
    keys = Keys("pages", "pages").three
    html = client.eval(USED_GET, 3, *keys, url)
    if html is None:
        html = render(url)
        client.eval(SET, 3, *keys, url, html, PAGES)
    return html
