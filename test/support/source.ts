/** A playbook of these steps, registered under `test/<name>`. `more` is what stands beside the workflow. */
export function playbook(name: string, workflow: string, { workload = '{}', more = '' } = {}): string {
  return `apiVersion: noetl.io/v2\nkind: Playbook\nmetadata: {name: ${name}, path: test/${name}}\nworkload: ${workload}\n${more}\nworkflow:\n${workflow}`
}

/** A python tool in one line of YAML: `main` with these parameters and this body. */
export function python(body: string, parameters = ''): string {
  return `{kind: python, code: ${JSON.stringify(`def main(${parameters}):\n  ${body}`)}}`
}
