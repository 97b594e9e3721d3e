import type { Context, Hono } from 'hono'
import { registerPlaybookRequest } from '../../contract/playbooks.js'
import type { JsonObject } from '../../core/json.js'
import { playbookBody } from '../bodies.js'
import { isJsonMediaType, mediaType, readJson, readText, unsupportedMediaType } from '../body.js'
import { jsonResponse, type RestEnv, servicesOf } from '../context.js'
import { refuseOtherMethods } from '../problem.js'
import { wholeNumber } from '../query.js'

const YAML_MEDIA_TYPES = ['text/yaml', 'application/yaml', 'application/x-yaml', 'text/x-yaml', 'text/plain']
const PLAYBOOKS_PATH = '/api/playbooks'
/** A path of a playbook has slashes. */
const SCHEMA_PATH = '/api/playbooks/:path{.+}/schema'

async function sourceOf(context: Context): Promise<string> {
  const type = mediaType(context)
  if (isJsonMediaType(type)) return (await readJson(context, registerPlaybookRequest)).source
  if (YAML_MEDIA_TYPES.includes(type)) return readText(context)
  throw unsupportedMediaType(type, ['application/json', ...YAML_MEDIA_TYPES])
}

/**
 * POST /api/playbooks: 201 for a new version, 200 where the latest version has this very source. GET /api/playbooks/{path}/schema: the `schema` block
 * of the latest version, or of the one asked for.
 */
export function addPlaybooksRoutes(app: Hono<RestEnv>): void {
  app.post(PLAYBOOKS_PATH, async (context) => {
    const playbook = await servicesOf(context).catalog.register(await sourceOf(context))
    return jsonResponse(playbookBody(playbook) as JsonObject, { status: playbook.isNew ? 201 : 200 })
  })
  refuseOtherMethods(app, PLAYBOOKS_PATH, ['POST'])
  app.get(SCHEMA_PATH, async (context) => {
    const { catalog } = servicesOf(context)
    const version = wholeNumber(context.req.query('version'), 'version') ?? null
    const { path, version: found } = await catalog.get(context.req.param('path'), version)
    return jsonResponse((await catalog.model(path, found)).schema?.block ?? {})
  })
  refuseOtherMethods(app, SCHEMA_PATH, ['GET'])
}
