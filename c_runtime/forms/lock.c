// SPDX-License-Identifier: GPL-2.0
#include <pthread.h>

#include "forms.h"

int lp_form_pthread_mutex_lock(pthread_mutex_t *mutex)
{
	return pthread_mutex_lock(mutex);
}

int lp_form_pthread_mutex_unlock(pthread_mutex_t *mutex)
{
	return pthread_mutex_unlock(mutex);
}
