/* Page faults in ring 3, handled in ring 0. */
#include "faults.h"

static unsigned touch_in_user_mode(void)
{
	return in_user_mode(touch);
}

unsigned run(void)
{
	return measure(touch_in_user_mode);
}
