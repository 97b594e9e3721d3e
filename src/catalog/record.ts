/** One row of `transient.playbook`: one version of one playbook. */
export interface PlaybookRecord {
  readonly path: string
  readonly version: number
  readonly name: string
  /** As it was registered, comments included. */
  readonly source: string
  readonly registeredAt: Date
}

/** The result of a registration. */
export interface RegisteredPlaybook extends PlaybookRecord {
  /** false: the latest version has this very source, and nothing was written. */
  readonly isNew: boolean
}
