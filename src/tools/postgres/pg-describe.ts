import type { Connection, Submittable } from 'pg'

interface ParameterDescription {
  readonly dataTypeIDs: readonly number[]
}

/**
 * Asks the server for the types of a statement's parameters, which `pg` itself never does.
 * Its client calls these handlers by name, as it does those of its own queries.
 */
export class DescribeQuery implements Submittable {
  readonly types: Promise<readonly number[]>
  private resolve: (types: readonly number[]) => void = () => {}
  private reject: (error: unknown) => void = () => {}
  private found: readonly number[] = []
  private fault: unknown = null

  constructor(private readonly text: string) {
    this.types = new Promise((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
  }

  submit(connection: Connection): void {
    connection.once('parameterDescription', ({ dataTypeIDs }: ParameterDescription) => {
      this.found = dataTypeIDs
    })
    connection.parse({ name: '', text: this.text, types: [] }, true)
    connection.describe({ type: 'S', name: '' }, true)
    connection.sync()
  }

  handleParseComplete(): void {}
  handleRowDescription(): void {}
  handleNoData(): void {}

  handleError(error: unknown, connection: Connection): void {
    this.fault = error
    connection.removeAllListeners('parameterDescription')
    // A lost connection sends no ReadyForQuery.
    this.reject(error)
  }

  handleReadyForQuery(): void {
    if (this.fault === null) this.resolve(this.found)
  }
}
