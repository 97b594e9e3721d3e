import type { Context, Hono } from 'hono'
import { registerPlaybookRequest } from '../../contract/playbooks.js'
import type { JsonObject } from '../../core/json.js'
import { playbookBody } from '../bodies.js'
import { isJsonMediaType, mediaType, readJson, readText, unsupportedMediaType } from '../body.js'
import { jsonResponse, type RestEnv, servicesOf } from '../context.js'
import { refuseOtherMethods } from '../problem.js'

const YAML_MEDIA_TYPES = ['text/yaml', 'application/yaml', 'application/x-yaml', 'text/x-yaml', 'text/plain']
const PLAYBOOKS_PATH = '/api/playbooks'

async function sourceOf(context: Context): Promise<string> {
  const type = mediaType(context)
  if (isJsonMediaType(type)) return (await readJson(context, registerPlaybookRequest)).source
  if (YAML_MEDIA_TYPES.includes(type)) return readText(context)
  throw unsupportedMediaType(type, ['application/json', ...YAML_MEDIA_TYPES])
}

/** POST /api/playbooks: 201 for a new version, 200 where the latest version has this very source. */
export function addPlaybooksRoutes(app: Hono<RestEnv>): void {
  app.post(PLAYBOOKS_PATH, async (context) => {
    const playbook = await servicesOf(context).catalog.register(await sourceOf(context))
    return jsonResponse(playbookBody(playbook) as JsonObject, { status: playbook.isNew ? 201 : 200 })
  })
  refuseOtherMethods(app, PLAYBOOKS_PATH, ['POST'])
}
