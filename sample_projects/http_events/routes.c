// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <string.h>

#include "http.h"

enum { ROUTES_MAX = 8 };

static struct route routes[ROUTES_MAX];
static size_t route_count;
static unsigned long served;

static void serve_hello(const struct request *request, struct reply *reply)
{
	reply_status(reply, request, "200 OK", text_of("hello, world\n"));
}

static void serve_upper(const struct request *request, struct reply *reply)
{
	char body[BODY_MAX];

	for (size_t i = 0; i < request->body.length; i++) {
		char c = request->body.start[i];

		body[i] = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
	}
	reply_status(reply, request, "200 OK", (struct text){body, request->body.length});
}

/* How many requests were served before this one: each must be counted once. */
static void serve_count(const struct request *request, struct reply *reply)
{
	char body[32];
	int length = snprintf(body, sizeof(body), "%lu\n", served - 1);

	reply_status(reply, request, "200 OK", (struct text){body, (size_t)length});
}

static void serve_missing(const struct request *request, struct reply *reply)
{
	reply_status(reply, request, "404 Not Found", text_of("nothing here\n"));
}

static void serve_other_method(const struct request *request, struct reply *reply)
{
	reply_status(reply, request, "405 Method Not Allowed", text_of(""));
}

static void add(const char *method, const char *path,
		void (*serve)(const struct request *, struct reply *))
{
	routes[route_count++] = (struct route){method, path, serve};
}

void register_routes(void)
{
	add("GET", "/hello", serve_hello);
	add("HEAD", "/hello", serve_hello);
	add("POST", "/upper", serve_upper);
	add("GET", "/count", serve_count);
}

void route_request(const struct request *request, struct reply *reply)
{
	bool known = false;

	served++;
	for (size_t i = 0; i < route_count; i++) {
		const struct route *route = &routes[i];

		if (!text_is(request->path, route->path))
			continue;
		known = true;
		if (text_is(request->method, route->method)) {
			route->serve(request, reply);
			return;
		}
	}
	if (known)
		serve_other_method(request, reply);
	else
		serve_missing(request, reply);
}
