/** One row of `transient.playbook`: one version of one playbook. */
export interface PlaybookRecord {
  readonly path: string
  readonly version: number
  readonly name: string
  /** As it was registered, comments included. */
  readonly source: string
  readonly registeredAt: Date
}
