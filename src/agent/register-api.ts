import { ACCESS_TAG, accessRoutes } from '../access/index.ts'
import { ALERTS_TAG, alertRoutes } from '../alerts/index.ts'
import { CREDENTIALS_TAG, credentialRoutes } from '../credentials/index.ts'
import { HEALTH_TAG, type HttpServer, healthRoutes, registerOpenApi } from '../http/index.ts'
import { MESSAGES_TAG, outboxRoutes } from '../outbox/index.ts'
import { PROFILES_TAG, profileRoutes } from '../profiles/index.ts'
import { SYNC_TAG, syncRoutes } from '../provisioning/index.ts'
import { RELAY_TAG, relayClientRoutes } from '../relay/index.ts'
import { SETUP_TAG, setupRoutes } from '../setup/index.ts'
import { metricsRoutes, STATUS_TAG, statusRoutes } from '../status/index.ts'
import { VERIFICATION_TAG, verificationRoutes } from '../verification/index.ts'

/** What the routes of the features need, together; each takes its own. */
type ApiParts = Parameters<typeof healthRoutes>[0] &
  Parameters<typeof metricsRoutes>[0] &
  Parameters<typeof statusRoutes>[0] &
  Parameters<typeof profileRoutes>[0] &
  Parameters<typeof credentialRoutes>[0] &
  Parameters<typeof verificationRoutes>[0] &
  Parameters<typeof setupRoutes>[0] &
  Parameters<typeof outboxRoutes>[0] &
  Parameters<typeof relayClientRoutes>[0] &
  Parameters<typeof alertRoutes>[0] &
  Parameters<typeof syncRoutes>[0] &
  Parameters<typeof accessRoutes>[0]

/** Hangs the routes of every feature on the server. */
export function registerApi(
  http: HttpServer,
  parts: ApiParts,
  facts: { version: string; publicUrl: string | null },
): void {
  registerOpenApi(http, {
    version: facts.version,
    publicUrl: facts.publicUrl ?? undefined,
    tags: [
      HEALTH_TAG,
      STATUS_TAG,
      PROFILES_TAG,
      CREDENTIALS_TAG,
      VERIFICATION_TAG,
      SETUP_TAG,
      MESSAGES_TAG,
      RELAY_TAG,
      ALERTS_TAG,
      SYNC_TAG,
      ACCESS_TAG,
    ],
  })
  http.register(healthRoutes(parts))
  http.register(metricsRoutes(parts))
  http.register(
    // biome-ignore lint/nursery/noMisusedPromises: Fastify awaits plugins
    async (api) => {
      api.register(statusRoutes(parts))
      api.register(profileRoutes(parts))
      api.register(credentialRoutes(parts))
      api.register(verificationRoutes(parts))
      api.register(setupRoutes(parts))
      api.register(outboxRoutes(parts))
      api.register(relayClientRoutes(parts))
      api.register(alertRoutes(parts))
      api.register(syncRoutes(parts))
      api.register(accessRoutes(parts))
    },
    { prefix: '/api/v1' },
  )
}
