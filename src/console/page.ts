interface PageOptions {
  /** Of the Content-Security-Policy; new for every answer. */
  readonly nonce: string
  /** Where this server listens. */
  readonly url: string
}

const STYLE = `
  :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
  body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
  table { border-collapse: collapse; width: 100% }
  th, td { text-align: left; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid #8884; vertical-align: top }
  pre { padding: .75rem; background: #8882; overflow-x: auto; border-radius: .3rem }
  .failed { color: #c33 } .completed { color: #283 } .muted { opacity: .7 }
`

const SCRIPT = `
  const rows = document.getElementById('rows')
  const note = document.getElementById('note')
  const form = document.getElementById('key')
  const query = '{ executions(first: 20) { totalCount nodes { id status createdAt revision playbook { path version } error { code message } } } }'
  function cell(row, text, className) {
    const td = row.insertCell()
    td.textContent = text
    if (className) td.className = className
  }
  async function load() {
    const key = sessionStorage.getItem('transient-key')
    const headers = { 'content-type': 'application/json', ...(key && { authorization: 'Bearer ' + key }) }
    const response = await fetch('graphql', { method: 'POST', headers, body: JSON.stringify({ query }) })
    form.hidden = response.status !== 401
    const { data, errors } = await response.json()
    if (errors) { note.textContent = errors[0].message; return }
    rows.replaceChildren()
    for (const execution of data.executions.nodes) {
      const row = rows.insertRow()
      cell(row, execution.id)
      cell(row, execution.playbook ? execution.playbook.path + ' v' + execution.playbook.version : 'no playbook')
      cell(row, execution.status.toLowerCase() + (execution.error ? ': ' + execution.error.message : ''), execution.status.toLowerCase())
      cell(row, String(execution.revision))
      cell(row, new Date(execution.createdAt).toLocaleString())
    }
    const total = data.executions.totalCount
    note.textContent = total === 0 ? 'No executions yet.' : 'The newest ' + data.executions.nodes.length + ' of ' + total + '.'
  }
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    sessionStorage.setItem('transient-key', new FormData(form).get('key'))
    refresh()
  })
  function refresh() { load().catch(() => { note.textContent = 'The server does not answer.' }) }
  refresh()
  setInterval(refresh, 3000)
`

/** The page at `/`: the newest executions, and how to start one. Everything it shows comes from GraphQL. */
export function renderPage({ nonce, url }: PageOptions): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Transient</title>
<link rel="icon" href="data:,">
<style nonce="${nonce}">${STYLE}</style>
</head>
<body>
<h1>Transient</h1>
<p>Runs YAML playbooks and keeps every execution's variables: durable, typed, revisioned and live.
<a href="graphql">GraphiQL</a> · <a href="metrics">metrics</a></p>
<h2>Executions</h2>
<form id="key" hidden><label>Key <input name="key" type="password" autocomplete="off" required></label> <button>Show</button></form>
<p id="note" class="muted" role="status">Loading …</p>
<table><thead><tr><th>id</th><th>playbook</th><th>status</th><th>revision</th><th>started</th></tr></thead><tbody id="rows"></tbody></table>
<h2>Start one</h2>
<p>Run a file and see each step and variable as it changes:</p>
<pre>transient execution run playbook.yaml --workload '{"name": "world"}'</pre>
<p>Or register it and start it over HTTP:</p>
<pre>curl --data-binary @playbook.yaml -H 'content-type: application/yaml' ${url}/api/playbooks
curl -d '{"path": "the/path", "workload": {}}' -H 'content-type: application/json' ${url}/api/executions</pre>
<script nonce="${nonce}">${SCRIPT}</script>
</body>
</html>
`
}
