def cached_page(client, url, render):
    keys = Keys("pages", "pages").three
    html = client.eval(USED_GET, 3, *keys, url)
    if not html:
        html = render(url)
        client.eval(LRU_SET, 3, *keys, url, html, PAGES)
    return html
