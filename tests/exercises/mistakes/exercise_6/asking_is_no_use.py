def cached_page(client, url, render):
    keys = Keys("pages", "pages").three
    html = client.hget(keys[0], url)
    if html is None:
        html = render(url)
        client.eval(LRU_SET, 3, *keys, url, html, PAGES)
    return html
