interface KnownRoute {
  readonly methods: readonly string[]
  readonly segments: readonly string[]
}

/** Remembers the registered routes, to tell “no such path” from “not with this method”. */
export interface RouteTable {
  add(methods: string | readonly string[], url: string): void
  /** The methods under which `path` exists, sorted; none when there is no such path. */
  methodsFor(path: string): readonly string[]
}

export function createRouteTable(): RouteTable {
  const routes: KnownRoute[] = []
  return {
    add(methods, url) {
      routes.push({ methods: [methods].flat(), segments: url.split('/') })
    },
    methodsFor(path) {
      const segments = path.split('/')
      const methods = routes.flatMap((route) => (matches(route, segments) ? route.methods : []))
      return [...new Set(methods)].sort()
    },
  }
}

function matches(route: KnownRoute, segments: readonly string[]): boolean {
  if (route.segments.length !== segments.length) return false
  return route.segments.every(
    (wanted, index) =>
      wanted === segments[index] || (wanted.startsWith(':') && segments[index] !== ''),
  )
}
