def cached_page(client, url, render):
    keys = ("pages", "pages:used", "pages:uses")
    html = client.eval(USED_GET, 3, *keys, url)
    if html is None:
        html = render(url)
        client.eval(LRU_SET, 3, *keys, url, html, PAGES)
    return html
