// An answer kept with its ETag: asked for again, only what has changed is sent.
export class Unanswered extends Error {}

export class Kept {
  constructor(url) {
    this.url = url;
    this.body = null;
    this.tag = null;
    this.next = null; // the address of a list's next page
  }

  // Whether something new came.
  async ask() {
    const headers = { Accept: "application/json" };
    if (this.tag) headers["If-None-Match"] = this.tag;
    const answer = await fetch(this.url, { headers, cache: "no-store" });
    if (answer.status === 304) return false;
    if (answer.status === 401) throw new Unanswered("You are logged out. Reload the page to log in again.");
    const body = await answer.json().catch(() => ({}));
    if (!answer.ok) {
      throw new Unanswered(sentence(body) ?? `The server answered ${answer.status}. Reload the page in a moment.`);
    }
    this.body = body;
    this.tag = answer.headers.get("ETag");
    this.next = /<([^>]+)>; rel="next"/.exec(answer.headers.get("Link"))?.[1] ?? null;
    return true;
  }
}

function sentence(body) {
  const first = Object.values(body)[0];
  return Array.isArray(first) ? first[0] : first;
}
