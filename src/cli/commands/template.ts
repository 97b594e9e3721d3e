import type { Command } from 'commander'
import { parseExecutionId } from '../../core/ids.js'
import { stringifyJson } from '../../core/json.js'
import { RenderTemplateDocument } from '../../sdk/generated/graphql.js'
import { createContext } from '../context.js'
import { EXIT, ExitError } from '../exit.js'
import { parseCount, parseObject } from '../value.js'

interface RenderOptions {
  readonly context?: string
  readonly execution?: string
  readonly asOf?: string
}

/** `template render`: the expression playground. */
export function addTemplateCommands(program: Command): void {
  program
    .command('template')
    .description('try out expressions')
    .command('render <template>')
    .description('render one template with the engine that playbooks use')
    .option('--context <json>', 'names it may use: a JSON object, @file, or @- for stdin')
    .option('--execution <execution>', 'with the context of an execution')
    .option('--as-of <revision>', 'as its variables were at a revision')
    .action(async (template: string, options: RenderOptions, command: Command) => {
      const { client, print } = createContext(command)
      const { renderTemplate } = await client.request(RenderTemplateDocument, {
        template,
        ...(options.context === undefined ? {} : { context: parseObject(options.context, '--context') }),
        ...(options.execution === undefined ? {} : { executionId: parseExecutionId(options.execution, '--execution') }),
        ...(options.asOf === undefined ? {} : { asOf: parseCount(options.asOf, '--as-of') }),
      })
      const { value, error } = renderTemplate
      if (error !== null) throw new ExitError(EXIT.other, `${error.code}: ${error.message}`)
      print(stringifyJson(value ?? null))
    })
}
