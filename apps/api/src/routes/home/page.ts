import { createHash } from 'node:crypto';

export interface PageLink {
  readonly href: string;
  readonly name: string;
  readonly what: string;
}

export interface PageContent {
  readonly version: string;
  readonly status: string;
  /** Under which the caller has reached this service. */
  readonly address: string;
  readonly links: readonly PageLink[];
}

const style = `
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { max-width: 40rem; margin: 3rem auto; padding: 0 1rem; }
dt { margin-top: 1rem; font-weight: 600; }
dd { margin: 0; }
.ok::before { content: '● '; color: #2a9d4a; }
.other::before { content: '● '; color: #d1453b; }
`;

/** Nothing but this page and its own style: no script, no resource, no frame. */
export const contentSecurityPolicy = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

/** What a browser shows at the address of the service. */
export function homePage({ version, status, address, links }: PageContent): string {
  const list = links.map(
    ({ href, name, what }) => `<dt><a href="${escape(href)}">${escape(name)}</a></dt>\n<dd>${escape(what)}</dd>`,
  );
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Holdfast</title>
<style>${style}</style>
<h1>Holdfast</h1>
<p class="${status === 'ok' ? 'ok' : 'other'}">${status === 'ok' ? 'ready' : `not ready (${escape(status)})`}, version ${escape(version)}, at <code>${escape(address)}</code></p>
<dl>
${list.join('\n')}
</dl>
</html>
`;
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escape(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => entities[character] ?? '');
}
