// SPDX-License-Identifier: GPL-2.0-only
/* The modules of applications that are loaded. */
#include <linux/mutex.h>
#include <linux/string.h>

#include "application.h"
#include "run.h"

static LIST_HEAD(applications);
static DEFINE_MUTEX(lock);

static struct lp_application *find(const char *name)
{
	struct lp_application *application;

	lockdep_assert_held(&lock);
	list_for_each_entry(application, &applications, link)
		if (!strcmp(application->name, name))
			return application;
	return NULL;
}

/* Make an application known. -EEXIST: there is one of this name. */
int lp_application_register(struct lp_application *application)
{
	int error = 0;

	if (!application->owner || (!application->serve && !application->elite) ||
	    !application->name[0] || strlen(application->name) >= LP_NAME_SIZE)
		return -EINVAL;
	if (application->elite && !lp_elite_is_sound(application->elite)) {
		pr_err("lakeplacid: the tables of %s contradict themselves\n", application->name);
		return -EINVAL;
	}
	mutex_lock(&lock);
	if (find(application->name))
		error = -EEXIST;
	else
		list_add(&application->link, &applications);
	mutex_unlock(&lock);
	return error;
}
EXPORT_SYMBOL_GPL(lp_application_register);

/* Sessions hold a reference to the module, so by now there is none. */
void lp_application_unregister(struct lp_application *application)
{
	mutex_lock(&lock);
	list_del(&application->link);
	mutex_unlock(&lock);
}
EXPORT_SYMBOL_GPL(lp_application_unregister);

/*
 * The application of that name, with a reference to its module. -ESTALE: it is of another build,
 * whose id is then in build_id.
 */
struct lp_application *lp_application_get(const char *name, u8 *build_id)
{
	struct lp_application *application;

	mutex_lock(&lock);
	application = find(name);
	if (!application || !try_module_get(application->owner)) {
		application = ERR_PTR(-ENOENT);
	} else if (memcmp(application->build_id, build_id, LP_BUILD_ID_SIZE)) {
		memcpy(build_id, application->build_id, LP_BUILD_ID_SIZE);
		module_put(application->owner);
		application = ERR_PTR(-ESTALE);
	}
	mutex_unlock(&lock);
	return application;
}

/* Call `visit` for each, none of which goes meanwhile. */
void lp_applications_visit(void (*visit)(struct lp_application *application, void *data),
			   void *data)
{
	struct lp_application *application;

	mutex_lock(&lock);
	list_for_each_entry(application, &applications, link)
		visit(application, data);
	mutex_unlock(&lock);
}

void lp_application_put(struct lp_application *application)
{
	module_put(application->owner);
}
