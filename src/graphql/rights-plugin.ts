import SchemaBuilder, { BasePlugin, type PothosOutputFieldConfig, type PothosTypeConfig, type SchemaTypes } from '@pothos/core'

/** The name of the plugin, for `plugins` of a builder. */
export const RIGHTS_PLUGIN = 'rights'

declare global {
  namespace PothosSchemaTypes {
    interface Plugins<Types extends SchemaTypes> {
      rights: RightsPlugin<Types>
    }
  }
}

/** A type or field whose rights are checked while it is resolved: it must never be printed past that. */
export interface Restricted {
  readonly isRestricted?: boolean
}

/** Sees that every root field says who may ask for it, and marks what is restricted. */
export class RightsPlugin<Types extends SchemaTypes> extends BasePlugin<Types> {
  override onTypeConfig(config: PothosTypeConfig): PothosTypeConfig {
    return isRestricted(config) ? { ...config, extensions: { ...config.extensions, isRestricted: true } } : config
  }

  /** @throws Error that names a root field without `authScopes` */
  override onOutputFieldConfig(config: PothosOutputFieldConfig<Types>): PothosOutputFieldConfig<Types> {
    if (isRestricted(config)) return { ...config, extensions: { ...config.extensions, isRestricted: true } }
    if (['Query', 'Mutation', 'Subscription'].includes(config.kind)) {
      throw new Error(`${config.kind}.${config.name} needs authScopes: who may ask for it?`)
    }
    return config
  }
}

function isRestricted({ pothosOptions }: { readonly pothosOptions: object }): boolean {
  return (pothosOptions as { readonly authScopes?: unknown }).authScopes !== undefined
}

SchemaBuilder.registerPlugin(RIGHTS_PLUGIN, RightsPlugin)
